"""Reports made of stored results: pages, tables, summaries and comparisons. Measures nothing, imports no claims."""
