"""The bundled demonstration model: corpus, generators, tokenizer, training, evaluation and weights."""
