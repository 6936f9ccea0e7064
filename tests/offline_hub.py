"""A plugin of forked sessions: the hub is not asked, and its cache is where a test says, which its library reads once only."""

from __future__ import annotations

import os

from huggingface_hub import constants

constants.HF_HUB_CACHE = os.environ["HF_HUB_CACHE"]
constants.HF_HUB_OFFLINE = True
