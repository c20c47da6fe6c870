"""Every picture and every text table. Nothing that computes imports this; matplotlib loads late."""
