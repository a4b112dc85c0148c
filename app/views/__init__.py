"""Panels and what is drawn in them; they watch the state and compute nothing."""
