"""Where chips come from: scenes with vector labels, map tiles with OpenStreetMap features, STAC catalogues."""
