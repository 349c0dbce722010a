"""The questions: an audit, repetitions of code at hand, traces recorded before, two devices."""
