"""What pictures of a movie need of linked ids."""
