"""What a client can reach, one module per stage of the road."""
