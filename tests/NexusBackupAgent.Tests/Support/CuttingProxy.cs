using System.Net;
using System.Net.Sockets;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A network between client and server, on loopback, that goes away, hangs or spoils a byte, once so many bytes came from one of them.</summary>
internal sealed class CuttingProxy : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly List<Socket> sockets = [];
    private readonly TaskCompletionSource hung = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int port;
    private readonly Action<CuttingProxy> onReached;
    private bool hangs;
    private int taken;
    private int frozen;
    private long sent;
    private long received;
    private int spoils;
    private int truncates;
    private long left;
    private readonly bool isFromClient;
    private int reached;
    private int requests;

    /// <summary>What is waited for before anything from the server is passed on; null: nothing.</summary>
    public Func<Task>? Waits { get; init; }

    /// <param name="after">Bytes from the server.</param>
    /// <param name="onReached">What happens then, once: <see cref="Cut"/>, <see cref="Hang"/>, <see cref="Spoil"/>, or something to the server.</param>
    /// <param name="isFromClient">Whether the client's bytes are counted instead.</param>
    public CuttingProxy(int port, long after, Action<CuttingProxy> onReached, bool isFromClient = false)
    {
        (this.port, left, this.onReached, this.isFromClient) = (port, after, onReached, isFromClient);
        listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Whether it came so far: a fault that was never there proves nothing.</summary>
    public bool WasReached => Volatile.Read(ref reached) != 0;

    /// <summary>How often a client asked for something (HTTP's GET).</summary>
    public int Gets => Volatile.Read(ref requests);

    /// <summary>Ends every connection, and takes no new one.</summary>
    public void Cut()
    {
        listener.Stop();
        lock (sockets)
        {
            foreach (var socket in sockets)
                socket.Dispose();
        }
    }

    /// <summary>Takes no new connection; those that there are stay.</summary>
    public void Close() => listener.Stop();

    /// <summary>Ends every connection, and takes new ones.</summary>
    public void Drop()
    {
        lock (sockets)
        {
            foreach (var socket in sockets)
                socket.Dispose();
            sockets.Clear();
        }
    }

    /// <summary>Passes nothing on any more, in either direction; connections stay, and new ones are taken.</summary>
    public void Hang() => Volatile.Write(ref hangs, true);

    /// <summary>Passes nothing on any more on the connections that there are; new ones work.</summary>
    public void Freeze() => Volatile.Write(ref frozen, Volatile.Read(ref taken));

    /// <summary>Bytes that came from the server.</summary>
    public long Received => Interlocked.Read(ref received);

    /// <summary>Bytes that came from the client.</summary>
    public long Sent => Interlocked.Read(ref sent);

    /// <summary>Changes one bit of what the server sent, and passes it on.</summary>
    public void Spoil() => Interlocked.Exchange(ref spoils, 1);

    /// <summary>Passes on half of what the server sent, and then tells the client in due form that this was all.</summary>
    public void Truncate() => Interlocked.Exchange(ref truncates, 1);

    public void Dispose()
    {
        Cut();
        hung.TrySetResult();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync();
                var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await server.ConnectAsync(IPAddress.Loopback, port);
                }
                catch (SocketException) // the server is gone, and the client is to see that
                {
                    client.Dispose();
                    server.Dispose();
                    continue;
                }

                lock (sockets)
                    sockets.AddRange([client, server]);
                var number = Interlocked.Increment(ref taken);
                _ = PumpAsync(client, server, isFromServer: false, number);
                _ = PumpAsync(server, client, isFromServer: true, number);
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // It was cut.
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool isFromServer, int number)
    {
        var buffer = new byte[16384];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var read)
            {
                Interlocked.Add(ref isFromServer ? ref received : ref sent, read);
                if (!isFromServer && buffer.AsSpan(0, read).StartsWith("GET "u8))
                    Interlocked.Increment(ref requests);
                if (isFromServer != isFromClient && Interlocked.Add(ref left, -read) <= 0 && Interlocked.Exchange(ref reached, 1) == 0)
                    onReached(this);
                if (isFromServer && Interlocked.Exchange(ref spoils, 0) == 1)
                    buffer[read - 1] ^= 4;
                if (Volatile.Read(ref hangs) || number <= Volatile.Read(ref frozen))
                    await hung.Task; // until nobody is there any more
                if (isFromServer && Waits is { } wait)
                    await wait();
                var isCut = isFromServer && Interlocked.Exchange(ref truncates, 0) == 1;
                await to.SendAsync(buffer.AsMemory(0, isCut ? read / 2 : read));
                if (isCut)
                    break;
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
