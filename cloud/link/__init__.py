"""Both logs' cloud end: events of facilities in, exactly once; decisions of headquarters out."""
