import java.io.BufferedReader;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Loads data directories with a server's own code, one release a JVM, everything by reflection.
 *
 * <p>Reads lines "dataDir" or "dataDir TAB dataLogDir" and answers each with one line of JSON: what came of the load, of the start of a
 * standalone server behind it, and of that of a member. The tree that was loaded goes to "dataDir.tree", a line a znode. The directories may be
 * written to.
 */
public class Loads {
    private static final String PACKAGE = "org.apache.zookeeper.server.";
    private static final long CASE_MS = 20_000;

    private interface Work {
        void run() throws Throwable;
    }

    public static void main(String[] args) throws Exception {
        // What the server prints is not to stand between the answers.
        PrintStream answers = new PrintStream(new FileOutputStream(FileDescriptor.out), false, "UTF-8");
        System.setOut(System.err);
        BufferedReader cases = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = cases.readLine(); line != null; line = cases.readLine()) {
            String[] dirs = line.split("\t");
            answers.println(answer(dirs[0], dirs.length > 1 ? dirs[1] : dirs[0]));
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private static String answer(String dataDir, String logDir) {
        Map<String, String> fields = new TreeMap<>();
        fields.put("dir", quoted(dataDir));
        Object[] made = new Object[2];
        List<Long> mismatches = new ArrayList<>();
        Throwable thrown = attempt(() -> {
            made[0] = make("persistence.FileTxnSnapLog", new File(logDir), new File(dataDir));
            made[1] = make("ZKDatabase", made[0]);
            watchDigests(call(made[1], "getDataTree"), mismatches);
            call(made[1], "loadDataBase");
        });
        fields.put("ok", String.valueOf(thrown == null));
        if (thrown != null) {
            fields.put("exception", quoted(told(thrown)));
        } else {
            Throwable failed = attempt(() -> tell(made[1], fields, mismatches, dataDir));
            if (failed != null) {
                fields.put("failure", quoted(told(failed)));
            }
        }
        Throwable member = attempt(() -> startMember(new File(logDir), new File(dataDir)));
        fields.put("member_ok", String.valueOf(member == null));
        if (member != null) {
            fields.put("member_exception", quoted(told(cause(member))));
        }
        if (thrown == null) {
            Throwable start = attempt(() -> start(made[0], made[1]));
            fields.put("start_ok", String.valueOf(start == null));
            if (start != null) {
                fields.put("start_exception", quoted(told(start)));
            } else {
                attempt(() -> fields.put("start_nodes",
                        String.valueOf(call(call(made[1], "getDataTree"), "getNodeCount"))));
            }
        }
        attempt(() -> call(made[0], "close"));
        StringBuilder json = new StringBuilder("{");
        fields.forEach((key, value) -> json.append(json.length() > 1 ? "," : "").append(quoted(key)).append(':').append(value));
        return json.append('}').toString();
    }

    /** What ZooKeeperServer.startdata does once the database is loaded. */
    private static void start(Object log, Object database) throws Throwable {
        Constructor<?> constructor = Class.forName(PACKAGE + "ZooKeeperServer").getDeclaredConstructor();
        constructor.setAccessible(true);
        Object server = constructor.newInstance();
        call(server, "setTxnLogFactory", log);
        call(server, "setZKDatabase", database);
        call(server, "loadData");
    }

    /** What QuorumPeer.start does first. */
    private static void startMember(File logDir, File dataDir) throws Throwable {
        Object log = make("persistence.FileTxnSnapLog", logDir, dataDir);
        try {
            Constructor<?> constructor = Class.forName(PACKAGE + "quorum.QuorumPeer").getDeclaredConstructor();
            constructor.setAccessible(true);
            Object peer = constructor.newInstance();
            call(peer, "setTxnFactory", log);
            call(peer, "setZKDatabase", make("ZKDatabase", log));
            call(peer, "loadDataBase");
        } finally {
            call(log, "close");
        }
    }

    private static void watchDigests(Object tree, List<Long> mismatches) throws Throwable {
        Method add = method(tree.getClass(), "addDigestWatcher", 1);
        if (add == null) {
            return;
        }
        Class<?> type = add.getParameterTypes()[0];
        Object watcher = Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, called, given) -> {
            switch (called.getName()) {
                case "process":
                    mismatches.add((Long) given[0]);
                    return null;
                case "hashCode":
                    return 1;
                case "equals":
                    return self == given[0];
                default:
                    return "watcher";
            }
        });
        add.invoke(tree, watcher);
    }

    private static void tell(Object database, Map<String, String> fields, List<Long> mismatches, String dataDir)
            throws Throwable {
        Object tree = call(database, "getDataTree");
        fields.put("zxid", quoted(Long.toHexString((Long) field(tree, "lastProcessedZxid"))));
        fields.put("nodes", String.valueOf(call(tree, "getNodeCount")));
        if (method(tree.getClass(), "getTreeDigest", 0) != null) {
            fields.put("digest", quoted(Long.toHexString((Long) call(tree, "getTreeDigest"))));
            fields.put("mismatches", String.valueOf(mismatches.size()));
            Object awaited = call(tree, "getDigestFromLoadedSnapshot");
            fields.put("awaited", quoted(awaited == null ? "" : Long.toHexString((Long) call(awaited, "getZxid"))));
        }
        List<String> lines = new ArrayList<>();
        new TreeMap<>((Map<?, ?>) call(database, "getSessionWithTimeOuts"))
                .forEach((id, timeout) -> lines.add("session\t" + Long.toHexString((Long) id) + "\t" + timeout));
        new TreeMap<>((Map<?, ?>) field(tree, "ephemerals")).forEach((owner, paths) -> lines
                .add("ephemerals\t" + Long.toHexString((Long) owner) + "\t" + quotedAll((Set<?>) paths)));
        Object nodes = field(tree, "nodes");
        Iterable<?> entries = nodes instanceof Map ? ((Map<?, ?>) nodes).entrySet()
                : (Iterable<?>) call(nodes, "entrySet");
        TreeMap<String, Object> sorted = new TreeMap<>();
        for (Object entry : entries) {
            sorted.put((String) ((Map.Entry<?, ?>) entry).getKey(), ((Map.Entry<?, ?>) entry).getValue());
        }
        if (sorted.containsKey("")) {
            sorted.remove("/");
        }
        Object acls = field(tree, "aclCache");
        for (Map.Entry<String, Object> entry : sorted.entrySet()) {
            lines.add(node(entry.getKey(), entry.getValue(), acls));
        }
        Files.write(Path.of(dataDir + ".tree"), lines, StandardCharsets.US_ASCII);
    }

    private static String node(String path, Object node, Object acls) throws Throwable {
        byte[] data = (byte[]) field(node, "data");
        StringBuilder hex = new StringBuilder(data == null ? "null" : "=");
        for (byte b : data == null ? new byte[0] : data) {
            hex.append(Character.forDigit(b >> 4 & 15, 16)).append(Character.forDigit(b & 15, 16));
        }
        StringBuilder line = new StringBuilder("node\t").append(quoted(path)).append('\t').append(hex);
        line.append('\t').append(acl(acls, field(node, "acl")));
        Object stat = field(node, "stat");
        for (String name : new String[] {"Czxid", "Mzxid", "Ctime", "Mtime", "Version", "Cversion", "Aversion",
                "EphemeralOwner", "Pzxid"}) {
            line.append('\t').append(call(stat, "get" + name));
        }
        return line.append('\t').append(quotedAll((Set<?>) call(node, "getChildren"))).toString();
    }

    private static String acl(Object acls, Object id) throws Throwable {
        List<?> list;
        try {
            list = (List<?>) call(acls, "convertLong", id);
        } catch (RuntimeException e) {
            return "missing";
        }
        StringBuilder text = new StringBuilder("=");
        for (Object acl : list) {
            Object who = call(acl, "getId");
            text.append(call(acl, "getPerms")).append(' ').append(quoted((String) call(who, "getScheme"))).append(' ')
                    .append(quoted((String) call(who, "getId"))).append(';');
        }
        return text.toString();
    }

    /** Runs it in a thread of its own, and gives what it threw. */
    @SuppressWarnings("deprecation")
    private static Throwable attempt(Work work) {
        Throwable[] thrown = new Throwable[1];
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Throwable t) {
                thrown[0] = t;
            }
        });
        thread.setDaemon(true);
        thread.start();
        try {
            thread.join(CASE_MS);
        } catch (InterruptedException e) {
            return e;
        }
        return thread.isAlive() ? new RuntimeException("it took too long") : thrown[0];
    }

    private static String told(Throwable thrown) {
        return thrown.getMessage() == null ? thrown.getClass().getName()
                : thrown.getClass().getName() + ": " + thrown.getMessage();
    }

    /** Without the RuntimeException that QuorumPeer puts around an IOException. */
    private static Throwable cause(Throwable thrown) {
        return thrown.getCause() instanceof java.io.IOException ? thrown.getCause() : thrown;
    }

    private static Object make(String name, Object... given) throws Throwable {
        for (Constructor<?> constructor : Class.forName(PACKAGE + name).getConstructors()) {
            if (constructor.getParameterCount() == given.length) {
                try {
                    return constructor.newInstance(given);
                } catch (InvocationTargetException e) {
                    throw e.getTargetException();
                }
            }
        }
        throw new NoSuchMethodException(name);
    }

    private static Object call(Object object, String name, Object... given) throws Throwable {
        Method method = method(object.getClass(), name, given.length);
        if (method == null) {
            throw new NoSuchMethodException(object.getClass() + "." + name);
        }
        try {
            return method.invoke(object, given);
        } catch (InvocationTargetException e) {
            throw e.getTargetException();
        }
    }

    private static Method method(Class<?> type, String name, int count) {
        for (Class<?> at = type; at != null; at = at.getSuperclass()) {
            for (Method method : at.getDeclaredMethods()) {
                if (method.getName().equals(name) && method.getParameterCount() == count && !method.isBridge()) {
                    method.setAccessible(true);
                    return method;
                }
            }
        }
        return null;
    }

    private static Object field(Object object, String name) throws Exception {
        for (Class<?> at = object.getClass(); at != null; at = at.getSuperclass()) {
            try {
                Field field = at.getDeclaredField(name);
                field.setAccessible(true);
                return field.get(object);
            } catch (NoSuchFieldException e) {
                // It is the parent's.
            }
        }
        throw new NoSuchFieldException(name);
    }

    private static String quotedAll(Set<?> texts) {
        TreeSet<String> sorted = new TreeSet<>();
        if (texts != null) {
            texts.forEach(text -> sorted.add(quoted((String) text)));
        }
        return String.join(",", sorted);
    }

    private static String quoted(String text) {
        if (text == null) {
            return "null";
        }
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                json.append(String.format("\\u%04x", (int) c));
            } else {
                json.append(c);
            }
        }
        return json.append('"').toString();
    }
}
