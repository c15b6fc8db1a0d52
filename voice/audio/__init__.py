"""PCM, resampling, G.711 and buffers: pure functions over numpy arrays and bytes."""
