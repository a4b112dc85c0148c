"""The method: network, geometry, crops, predictions. Knows no Qt and no training."""
