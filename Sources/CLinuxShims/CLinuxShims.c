#include "CLinuxShims.h"

typedef int CLinuxShims_placeholder;
