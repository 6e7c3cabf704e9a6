"""Files larger than memory: counting pairs beside other engines, and the main job on many rows."""
