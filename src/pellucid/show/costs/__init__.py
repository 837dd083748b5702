"""Operations, memory traffic and predicted time of graphs."""
