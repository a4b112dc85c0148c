"""The poster's ablation, small enough for two cores: 3D alone or with photos, with and without the geometry loss."""
