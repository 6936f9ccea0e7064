"""Published reports as evidence: judged again, audited, pooled, and compared with what was registered."""
