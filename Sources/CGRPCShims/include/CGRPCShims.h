// A small typed interface over gRPC C-core (libgrpc), for GRPCServing alone.
//
// Swift cannot import libgrpc: its headers need unions, variadic argument tables and tags of type `void *`. No type of
// libgrpc appears below, so that its headers stay private to the .c files here.
//
// Ownership. Every handle has one owner and one function that ends it. A context pointer is borrowed: whoever passes it
// keeps what it points to alive until the handle it was given to has been destroyed.
//
// Threads. Events come one at a time, on the one thread that pumps the completion queue of a server or channel. They
// must not block. The operations on one call must not run at the same time: the caller holds a lock of its own.
// Every operation that returns true is answered by exactly one event. A handle may be destroyed only when none of its
// operations is under way, and then also from inside the event that ended the last one.

#ifndef CGRPCSHIMS_H
#define CGRPCSHIMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// MARK: Status codes (checked against libgrpc's own in library.c)

typedef enum __attribute__((enum_extensibility(open))) CGRPCShims_Code : int32_t {
    CGRPCShims_CodeOK = 0,
    CGRPCShims_CodeCancelled = 1,
    CGRPCShims_CodeUnknown = 2,
    CGRPCShims_CodeInvalidArgument = 3,
    CGRPCShims_CodeDeadlineExceeded = 4,
    CGRPCShims_CodeNotFound = 5,
    CGRPCShims_CodeAlreadyExists = 6,
    CGRPCShims_CodePermissionDenied = 7,
    CGRPCShims_CodeResourceExhausted = 8,
    CGRPCShims_CodeFailedPrecondition = 9,
    CGRPCShims_CodeAborted = 10,
    CGRPCShims_CodeOutOfRange = 11,
    CGRPCShims_CodeUnimplemented = 12,
    CGRPCShims_CodeInternal = 13,
    CGRPCShims_CodeUnavailable = 14,
    CGRPCShims_CodeDataLoss = 15,
    CGRPCShims_CodeUnauthenticated = 16,
} CGRPCShims_Code;

// MARK: Bytes

// Bytes that belong to somebody else and are valid for as long as the function that gives them says.
typedef struct CGRPCShims_Bytes {
    const uint8_t *_Nullable start; // borrowed
    size_t count;
} CGRPCShims_Bytes;

// One received message. Owned by whoever the event gave it to.
typedef struct CGRPCShims_Message CGRPCShims_Message;

size_t CGRPCShims_Message_length(const CGRPCShims_Message *_Nonnull message);
// Copies exactly CGRPCShims_Message_length bytes.
void CGRPCShims_Message_copy(const CGRPCShims_Message *_Nonnull message, uint8_t *_Nonnull destination);
void CGRPCShims_Message_destroy(CGRPCShims_Message *_Nonnull message);

// MARK: Server

typedef struct CGRPCShims_Server CGRPCShims_Server;
typedef struct CGRPCShims_ServerCall CGRPCShims_ServerCall;

typedef struct CGRPCShims_ServerLimits {
    int32_t messageBytes;         // of one received message
    int32_t streamsPerConnection; // announced to the peer, and refused beyond
    int32_t metadataBytes;        // of one call's headers
} CGRPCShims_ServerLimits;

typedef struct CGRPCShims_ServerEvents {
    // A call came in. The callee owns it and must open or destroy it before returning.
    void (*_Nonnull arrived)(void *_Nonnull server, CGRPCShims_ServerCall *_Nonnull call);
    // The shutdown has finished: no connection and no call is left.
    void (*_Nonnull shutDown)(void *_Nonnull server);
    // Answers receive. No message: the client has sent its last one, or the call broke off (`brokeOff`).
    void (*_Nonnull received)(void *_Nonnull call, CGRPCShims_Message *_Nullable message, bool brokeOff);
    // Answers send.
    void (*_Nonnull sent)(void *_Nonnull call, bool accepted);
    // Answers finish.
    void (*_Nonnull finished)(void *_Nonnull call, bool accepted);
    // Answers open: the call is over. Cancelled: by the client, its deadline or a lost connection.
    void (*_Nonnull closed)(void *_Nonnull call, bool cancelled);
} CGRPCShims_ServerEvents;

// Makes a server without connections and starts its pump. Returns 0 or an errno. `context` is borrowed until destroy.
int CGRPCShims_Server_create(CGRPCShims_ServerLimits limits, CGRPCShims_ServerEvents events, void *_Nonnull context,
                             CGRPCShims_Server *_Nullable *_Nonnull result);
// Accepts connections on a listening socket, on a thread of its own. Returns 0 or an errno. The descriptor is borrowed
// until stopAccepting has returned.
int CGRPCShims_Server_startAccepting(CGRPCShims_Server *_Nonnull server, int listeningDescriptor);
// Ends that thread and waits for it; it never waits on a peer. Does nothing without startAccepting.
void CGRPCShims_Server_stopAccepting(CGRPCShims_Server *_Nonnull server);
// Admits no call any more and asks every peer to close; shutDown tells the end. Once, after stopAccepting.
void CGRPCShims_Server_beginShutdown(CGRPCShims_Server *_Nonnull server);
// Cuts every connection, whatever is under way on it. Only after beginShutdown.
void CGRPCShims_Server_disconnect(CGRPCShims_Server *_Nonnull server);
// Ends the pump and waits for it. Only after shutDown, and never from an event.
void CGRPCShims_Server_destroy(CGRPCShims_Server *_Nonnull server);

// MARK: A call at the server

// "/package.Service/Method"; valid until the call is destroyed.
CGRPCShims_Bytes CGRPCShims_ServerCall_method(const CGRPCShims_ServerCall *_Nonnull call);
// Nanoseconds to the deadline, negative when it has passed; INT64_MAX without one.
int64_t CGRPCShims_ServerCall_nanosecondsLeft(const CGRPCShims_ServerCall *_Nonnull call);
size_t CGRPCShims_ServerCall_metadataCount(const CGRPCShims_ServerCall *_Nonnull call);
// Valid until the call is destroyed.
void CGRPCShims_ServerCall_metadata(const CGRPCShims_ServerCall *_Nonnull call, size_t index,
                                    CGRPCShims_Bytes *_Nonnull key, CGRPCShims_Bytes *_Nonnull value);

// Each of these starts one operation and returns whether it did; false is an error in the caller.
// open: first, and under way until the call is over. `context` is borrowed until destroy.
bool CGRPCShims_ServerCall_open(CGRPCShims_ServerCall *_Nonnull call, void *_Nonnull context);
bool CGRPCShims_ServerCall_receive(CGRPCShims_ServerCall *_Nonnull call);
bool CGRPCShims_ServerCall_send(CGRPCShims_ServerCall *_Nonnull call, CGRPCShims_Bytes message);
// The last operation: the reply when there is one, then the status.
bool CGRPCShims_ServerCall_finish(CGRPCShims_ServerCall *_Nonnull call, const CGRPCShims_Bytes *_Nullable reply,
                                  CGRPCShims_Code code, CGRPCShims_Bytes text);
void CGRPCShims_ServerCall_destroy(CGRPCShims_ServerCall *_Nonnull call);

// MARK: Client

typedef struct CGRPCShims_Channel CGRPCShims_Channel;
typedef struct CGRPCShims_ClientCall CGRPCShims_ClientCall;

typedef struct CGRPCShims_ClientEvents {
    // Answers receive. No message: the status follows, or has come.
    void (*_Nonnull received)(void *_Nonnull call, CGRPCShims_Message *_Nullable message);
    // Answers send.
    void (*_Nonnull sent)(void *_Nonnull call, bool accepted);
    // Answers closeSend.
    void (*_Nonnull sendClosed)(void *_Nonnull call);
    // Answers start: the call is over. `text` is valid during the event; `reply` only comes for a unary call.
    void (*_Nonnull ended)(void *_Nonnull call, CGRPCShims_Code code, CGRPCShims_Bytes text,
                           CGRPCShims_Message *_Nullable reply);
} CGRPCShims_ClientEvents;

// Speaks over one connected socket, which is taken over in any case. Returns 0 or an errno.
int CGRPCShims_Channel_create(int connectedDescriptor, int32_t messageBytes, CGRPCShims_ClientEvents events,
                              CGRPCShims_Channel *_Nullable *_Nonnull result);
// Closes the connection and lets the pump end by itself; does not wait. Every call must have been destroyed.
void CGRPCShims_Channel_destroy(CGRPCShims_Channel *_Nonnull channel);

// `timeoutNanoseconds` INT64_MAX: no deadline. `context` is borrowed until destroy.
CGRPCShims_ClientCall *_Nonnull CGRPCShims_ClientCall_create(CGRPCShims_Channel *_Nonnull channel,
                                                             CGRPCShims_Bytes method, int64_t timeoutNanoseconds,
                                                             void *_Nonnull context);
// Before start. False: not legal as a header.
bool CGRPCShims_ClientCall_addMetadata(CGRPCShims_ClientCall *_Nonnull call, CGRPCShims_Bytes key,
                                       CGRPCShims_Bytes value);
// Each of these starts one operation and returns whether it did; false is an error in the caller.
// start: first, and under way until the call is over. With a request the call is unary, and complete.
bool CGRPCShims_ClientCall_start(CGRPCShims_ClientCall *_Nonnull call, const CGRPCShims_Bytes *_Nullable request);
bool CGRPCShims_ClientCall_send(CGRPCShims_ClientCall *_Nonnull call, CGRPCShims_Bytes message);
bool CGRPCShims_ClientCall_closeSend(CGRPCShims_ClientCall *_Nonnull call);
bool CGRPCShims_ClientCall_receive(CGRPCShims_ClientCall *_Nonnull call);
// Hastens the end, with CANCELLED; starts no operation.
void CGRPCShims_ClientCall_cancel(CGRPCShims_ClientCall *_Nonnull call);
void CGRPCShims_ClientCall_destroy(CGRPCShims_ClientCall *_Nonnull call);

// MARK: Unix sockets (the address type cannot be filled in from safe Swift; accept is inside the server)

// A Unix stream socket, close-on-exec and non-blocking, or -1 and errno.
int CGRPCShims_unixSocket(void);
// bind(2) and connect(2) with a path of at most CGRPCShims_unixPathLimit bytes. 0, or -1 and errno.
int CGRPCShims_unixBind(int descriptor, const char *_Nonnull path);
int CGRPCShims_unixConnect(int descriptor, const char *_Nonnull path);
// The bytes of the longest path an address can hold, without the final NUL.
extern const size_t CGRPCShims_unixPathLimit;

// MARK: Waiting

// A flag that a thread can wait for; Swift has no condition variable outside of Foundation.
typedef struct CGRPCShims_Flag CGRPCShims_Flag;

CGRPCShims_Flag *_Nonnull CGRPCShims_Flag_create(void);
void CGRPCShims_Flag_raise(CGRPCShims_Flag *_Nonnull flag);
// Whether the flag was raised within that time (CLOCK_MONOTONIC).
bool CGRPCShims_Flag_wait(CGRPCShims_Flag *_Nonnull flag, int64_t nanoseconds);
// Nobody may be raising it or waiting for it.
void CGRPCShims_Flag_destroy(CGRPCShims_Flag *_Nonnull flag);

#endif
