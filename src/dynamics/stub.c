#include "dynamics/egi_dynamics.h"
const eg_dynamics_model egi_models_network[] = { { .name = NULL } };
