def write_growth(out, results):
    pass
