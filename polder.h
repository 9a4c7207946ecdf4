#pragma once

/// Everything a program that trains with polder needs. Each room can also be included on its own.

#include "polder/autograd/functions.h"
#include "polder/data/idx.h"
#include "polder/data/loader.h"
#include "polder/data/synthetic.h"
#include "polder/lets/lets.h"
#include "polder/nn/models/registry.h"
#include "polder/nn/parameter_arena.h"
#include "polder/optim/adam.h"
#include "polder/optim/model_objective.h"
#include "polder/optim/registry.h"
#include "polder/optim/rules/asam.h"
#include "polder/optim/rules/m_sharp_sam.h"
#include "polder/optim/rules/none.h"
#include "polder/optim/rules/sam.h"
#include "polder/optim/sgd.h"
#include "polder/optim/training_step.h"
