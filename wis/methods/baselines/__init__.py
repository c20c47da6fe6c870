"""Methods to compare with: by chance, degrees, similarity, shortest paths, resistance, masks."""
