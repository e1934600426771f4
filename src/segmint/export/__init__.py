"""One module per file format, the proof that they agree, and the folder they leave in."""
