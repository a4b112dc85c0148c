"""Measuring a checkpoint on data it was not trained on."""
