"""From a model and a scene to a map: windows, blending, reading, writing, polygons."""
