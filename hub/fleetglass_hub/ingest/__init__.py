"""What agents say, and what they are told."""
