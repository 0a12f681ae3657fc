"""Letters to senders: decided from facts, rendered from the pack's templates, sent once."""
