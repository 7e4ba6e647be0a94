#include "CGRPCShims.h"

typedef int CGRPCShims_placeholder;
