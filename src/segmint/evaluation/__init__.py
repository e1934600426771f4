"""What a model is worth on labelled data: chips or scenes, pixels and objects."""
