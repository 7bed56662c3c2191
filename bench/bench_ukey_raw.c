/* The floor for bench_ukey.py: one certificate written with bare PKCS#11 calls (v2.40), one session, no wrapper.
   Usage: bench_ukey_raw MODULE PIN; each line on stdin runs one sequence, its milliseconds go to stdout. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned long UL;
typedef struct { UL type; void *value; UL length; } Attribute;
typedef struct { UL mechanism; void *parameter; UL length; } Mechanism;
typedef struct { unsigned char version[8]; UL (*f[68])(); } Functions;
enum { INITIALIZE, FINALIZE, SLOTS = 4, OPEN = 12, CLOSE = 13, LOGIN = 18, LOGOUT = 19, CREATE = 20, GET = 24,
       FIND_INIT = 26, FIND, FIND_FINAL, SIGN_INIT = 42, SIGN = 43, GENERATE_PAIR = 59 };

static Functions *p11;
static UL session;

static void must(UL result, const char *what) {
    if (result) { fprintf(stderr, "%s: %#lx\n", what, result); exit(1); }
}

static void sign(UL key) {
    Mechanism ecdsa = {0x1041, NULL, 0};
    unsigned char digest[32] = {1}, signature[64];
    UL length = sizeof signature;
    must(p11->f[SIGN_INIT](session, &ecdsa, key), "SignInit");
    must(p11->f[SIGN](session, digest, 32UL, signature, &length), "Sign");
}

static void read_back(UL class, UL expected) {
    Attribute query[] = {{0, &class, sizeof class}}, value = {0x11, NULL, 0};
    UL object = 0, count = 0;
    must(p11->f[FIND_INIT](session, query, 1UL), "FindObjectsInit");
    must(p11->f[FIND](session, &object, 1UL, &count), "FindObjects");
    must(p11->f[FIND_FINAL](session), "FindObjectsFinal");
    must(p11->f[GET](session, object, &value, 1UL), "GetAttributeValue");
    value.value = malloc(value.length);
    must(p11->f[GET](session, object, &value, 1UL), "GetAttributeValue");
    must(value.length != expected, "read back");
    free(value.value);
}

static void sequence(char *pin) {
    static unsigned char curve[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, id[10] = {1}, name[100] = {0x30, 98};
    static unsigned char serial[] = {2, 1, 1}, certificate[600], seal[8192];
    unsigned char yes = 1, no = 0;
    UL slots[16], count = 16, public, private, object, class_certificate = 1, class_data = 0, x509 = 0;
    Mechanism generate = {0x1040, NULL, 0};
    Attribute on_public[] = {{1, &yes, 1}, {0x10a, &yes, 1}, {0x180, curve, sizeof curve}, {0x102, id, sizeof id}};
    Attribute on_private[] = {{1, &yes, 1}, {2, &yes, 1}, {0x103, &yes, 1}, {0x162, &no, 1}, {0x108, &yes, 1},
                              {0x102, id, sizeof id}};
    Attribute as_certificate[] = {{0, &class_certificate, sizeof(UL)}, {0x80, &x509, sizeof(UL)}, {1, &yes, 1},
                                  {2, &no, 1}, {0x101, name, sizeof name}, {0x81, name, sizeof name},
                                  {0x82, serial, sizeof serial}, {0x102, id, sizeof id},
                                  {0x11, certificate, sizeof certificate}};
    Attribute as_data[] = {{0, &class_data, sizeof(UL)}, {1, &yes, 1}, {2, &no, 1}, {3, "seal", 4},
                           {0x11, seal, sizeof seal}};
    must(p11->f[INITIALIZE](NULL), "Initialize");
    must(p11->f[SLOTS]((int)1, slots, &count), "GetSlotList");
    must(p11->f[OPEN](slots[0], 6UL, NULL, NULL, &session), "OpenSession");
    must(p11->f[LOGIN](session, 1UL, pin, (UL)strlen(pin)), "Login");
    must(p11->f[GENERATE_PAIR](session, &generate, on_public, 4UL, on_private, 6UL, &public, &private), "GenerateKeyPair");
    sign(private);
    must(p11->f[CREATE](session, as_certificate, 9UL, &object), "CreateObject");
    must(p11->f[CREATE](session, as_data, 5UL, &object), "CreateObject");
    read_back(1, sizeof certificate);
    read_back(0, sizeof seal);
    sign(private);
    must(p11->f[LOGOUT](session), "Logout");
    must(p11->f[CLOSE](session), "CloseSession");
    must(p11->f[FINALIZE](NULL), "Finalize");
}

int main(int argc, char **argv) {
    void *module = dlopen(argv[1], RTLD_NOW);
    UL (*list)(Functions **) = module ? (UL (*)(Functions **))dlsym(module, "C_GetFunctionList") : NULL;
    char line[16];
    if (argc != 3 || !list) return 2;
    must(list(&p11), "GetFunctionList");
    while (fgets(line, sizeof line, stdin)) {
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        sequence(argv[2]);
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("%.4f\n", (end.tv_sec - begin.tv_sec) * 1e3 + (end.tv_nsec - begin.tv_nsec) / 1e6);
        fflush(stdout);
    }
    return 0;
}
