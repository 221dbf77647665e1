def polite(name):
    return f"Hello, {name}!"
