"""Renderings of an audit: one module per format, each a function of `model.AuditResult` alone."""

from __future__ import annotations

from reproaudit.report.registry import formats, render, render_all

__all__ = ["formats", "render", "render_all"]
