def explain(env, error):
    return str(error), ""


def describe_step(env, step):
    return str(step)
