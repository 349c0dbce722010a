"""Layers for time series of shape (batch, time, channels)."""

from timelayers.layers import AttentionPool, CausalConv, GatedMixer, GaussianNoise

__all__ = ["AttentionPool", "CausalConv", "GatedMixer", "GaussianNoise"]
