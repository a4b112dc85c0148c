"""Files shipped with the program; read them with ``importlib.resources.files("resources")``."""
