"""Fine-tuning: an open_clip or transformers dual encoder goes on learning from the figures of a corpus."""
