"""Where everything is once sizes are known: data, states, instances, and places in the graph.

Above: values and the lowering of statements. Below: checked programs and data.
"""
