"""The interface for Python: what `import reproaudit` offers, for scripts and notebooks."""

from __future__ import annotations

from reproaudit.api.auditing import audit
from reproaudit.api.comparing import compare
from reproaudit.api.result import Result, load
from reproaudit.api.resuming import resume
from reproaudit.api.seeding import seeds
from reproaudit.api.varying import vary
from reproaudit.api.watching import Watch, watch

__all__ = ["Result", "Watch", "audit", "compare", "load", "resume", "seeds", "vary", "watch"]
