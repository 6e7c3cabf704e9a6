"""What must hold in every row: rules, dependencies between columns, combinations that never occur.

What may not happen here: a value from the data in a message.
"""
