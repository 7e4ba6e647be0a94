#include "CCSIProto.h"

typedef int CCSIProto_placeholder;
