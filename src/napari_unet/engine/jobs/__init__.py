"""What crosses all rooms: a whole export."""
