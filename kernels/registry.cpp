#include "polder/kernels/backend.h"
