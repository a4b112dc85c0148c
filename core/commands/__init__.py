"""The commands of the core: each module offers ``add_arguments(parser)`` and ``run(args) -> int``."""
