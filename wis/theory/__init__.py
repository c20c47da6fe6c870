"""The theory of the thesis, in float64: what its statements say, computed and checked."""
