"""The live mode: a camera, a stream or a film as if live, with the people in it followed."""
