/* Printed by hack/update-proto. */

#ifndef CCSIPROTO_H
#define CCSIPROTO_H

#include <stddef.h>
#include <stdint.h>

#include "csi/v1/csi.pb-c.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "grpc/reflection/v1alpha/reflection.pb-c.h"
#include "moorage/inspect/v1/inspect.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "google/protobuf/wrappers.pb-c.h"

/* A serialized google.protobuf.FileDescriptorSet: every file of proto/ after the files it imports. */
const uint8_t *_Nonnull CCSIProto_descriptorSet(void);
size_t CCSIProto_descriptorSetLength(void);

/* The descriptor of a message of proto/ by its full name, such as csi.v1.Volume; NULL when there is none. */
const ProtobufCMessageDescriptor *_Nullable CCSIProto_messageNamed(const char *_Nonnull name);

#endif
