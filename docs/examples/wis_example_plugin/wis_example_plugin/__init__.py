"""A method and a model of one's own for wis; see `closest_first` and `mean_layers`."""
