print("never run: the cases are compiled only")
