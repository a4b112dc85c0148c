"""Live pictures: cameras, streams, and files played as if they were live."""
