ADA = "Ada"
