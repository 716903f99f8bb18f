"""What the model is taught, skill by skill: each module makes turns of one split."""
