using System.Diagnostics;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using NexusBackupAgent.Common;
using NexusBackupAgent.ObjectStorage;
using NexusBackupAgent.Tests.Configuration;

namespace NexusBackupAgent.Tests.Support;

/// <summary>A user of a gateway.</summary>
internal sealed record S3User(string AccessKey, string SecretKey);

/// <summary>
/// A real S3 gateway of the tests' own, with objects in memory. All tests share one, and each makes buckets of its own; one that
/// stops the gateway starts another. It ends with the process of the tests, however that ends: its input closes.
/// </summary>
internal sealed class S3Gateway : IDisposable
{
    private static readonly Lazy<Task<S3Gateway>> Shared = new(StartAsync);
    private static int buckets;

    private readonly SemaphoreSlim talking = new(1);
    private readonly Process process;
    private readonly string directory;

    private S3Gateway(Process process, string directory) => (this.process, this.directory) = (process, directory);

    public Uri Endpoint { get; private set; } = null!;

    public S3User User { get; private set; } = null!;

    /// <summary>Asks without anything of the agent's.</summary>
    public AmazonS3Client Raw => field ??= As(User);

    private AmazonS3Config Settings => new()
    {
        ServiceURL = Endpoint.GetLeftPart(UriPartial.Authority),
        ForcePathStyle = true,
        RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
        ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
    };

    public static Task<S3Gateway> SharedAsync() => Shared.Value;

    /// <summary>Each test that uses a gateway begins with this.</summary>
    public static void Require() => Need.That(
        Array.TrueForAll(["ceph-mon", "ceph-osd", "radosgw"], program => Array.Exists(["/usr/bin", "/usr/sbin"], directory => File.Exists(Path.Combine(directory, program)))),
        "needs Ceph's gateway (apt-get install --no-install-recommends ceph-mon ceph-osd radosgw)");

    public static async Task<S3Gateway> StartAsync()
    {
        Require();
        var state = Directory.CreateTempSubdirectory("nexus-backup-test-s3-").FullName;
        var running = Process.Start(new ProcessStartInfo("bash", [RepositoryFile.Find("tests/s3/gateway"), state]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var gateway = new S3Gateway(running, state);
        (gateway.Endpoint, gateway.User) = await gateway.HearAsync();
        return gateway;
    }

    /// <summary>Another user, who owns nothing.</summary>
    public async Task<S3User> NewUserAsync()
    {
        await talking.WaitAsync(); // one question at a time
        try
        {
            await TellAsync("user");
            return (await HearAsync()).User;
        }
        finally
        {
            talking.Release();
        }
    }

    /// <returns>The name of a new bucket whose objects can be locked, and which therefore keeps versions.</returns>
    public async Task<string> NewLockedBucketAsync()
    {
        var name = $"locked-{Environment.ProcessId}-{Interlocked.Increment(ref buckets)}";
        await Raw.PutBucketAsync(new PutBucketRequest { BucketName = name, ObjectLockEnabledForBucket = true });
        return name;
    }

    /// <summary>As <see cref="Raw"/>, with the key of somebody else.</summary>
    public AmazonS3Client As(S3User user) => new(new BasicAWSCredentials(user.AccessKey, user.SecretKey), Settings);

    /// <summary>As a crash does.</summary>
    public async Task StopAsync()
    {
        await TellAsync("stop");
        await Eventually.TrueAsync(() => !Answers(), "the gateway ends");
    }

    public async Task StartAgainAsync()
    {
        await TellAsync("start");
        await HearAsync();
    }

    /// <summary>Keys in a file, as an operator writes them.</summary>
    public ObjectCredentials Credentials(string? accessKey = null, string? secretKey = null)
    {
        var file = Path.Combine(directory, $"secret-{Guid.NewGuid():N}");
        File.WriteAllText(file, (secretKey ?? User.SecretKey) + "\n");
        return new ObjectCredentials(null, null, accessKey ?? User.AccessKey, file, null);
    }

    /// <param name="port">Of a proxy in front of it.</param>
    public ObjectAddress Address(string bucket, string prefix = "", int? port = null, ObjectCredentials? credentials = null, int requests = 16) =>
        new(bucket, prefix, port is null ? Endpoint : new UriBuilder(Endpoint) { Port = port.Value }.Uri, "us-east-1", credentials ?? Credentials(), requests) { HasBucketInPath = true };

    /// <returns>The name of a new bucket.</returns>
    public async Task<string> NewBucketAsync()
    {
        var name = $"bucket-{Environment.ProcessId}-{Interlocked.Increment(ref buckets)}";
        await Raw.PutBucketAsync(name);
        return name;
    }

    /// <summary>Asks with a client that is not the agent's.</summary>
    public async Task<string> AwsAsync(params string[] arguments) => await Shell.RunAsync("env", [.. Variables(), "aws", "--endpoint-url", Endpoint.GetLeftPart(UriPartial.Authority), .. arguments]);

    /// <summary>Another one compares. The remote's name is <c>s3</c>.</summary>
    public async Task AssertRcloneFindsNoDifferenceAsync(params string[] arguments)
    {
        Need.Tool("rclone");
        if (Environment.GetEnvironmentVariable("CLOCK_OFFSET") is not null)
            return; // it asks the kernel for the time and signs with it, which the gateway refuses that tests/clock shows another one
        var compared = await Shell.TryAsync(
            "env",
            [
                "-u", "AWS_CA_BUNDLE", .. Variables(), "RCLONE_CONFIG_S3_TYPE=s3", "RCLONE_CONFIG_S3_PROVIDER=Ceph", "RCLONE_CONFIG_S3_ENV_AUTH=true", $"RCLONE_CONFIG_S3_ENDPOINT={Endpoint.GetLeftPart(UriPartial.Authority)}",
                "rclone", "--config", "/dev/null", "check", .. arguments,
            ]);
        Assert.True(compared.ExitCode == 0, compared.Error);
    }

    public void Dispose()
    {
        talking.Dispose();
        process.StandardInput.Close();
        process.WaitForExit();
        process.Dispose();
    }

    private string[] Variables() => [$"AWS_ACCESS_KEY_ID={User.AccessKey}", $"AWS_SECRET_ACCESS_KEY={User.SecretKey}", "AWS_DEFAULT_REGION=us-east-1", "AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED", "AWS_EC2_METADATA_DISABLED=true"];

    private async Task TellAsync(string word)
    {
        await process.StandardInput.WriteLineAsync(word);
        await process.StandardInput.FlushAsync();
    }

    private async Task<(Uri Endpoint, S3User User)> HearAsync()
    {
        var line = await process.StandardOutput.ReadLineAsync() ?? throw new BackupException(FailureKind.Unexpected, "the gateway of the tests did not start", "see what it said");
        return line.Split(' ') is [var endpoint, var key, var secret] ? (new Uri(endpoint), new S3User(key, secret)) : throw new FormatException(line);
    }

    private bool Answers()
    {
        try
        {
            using var client = new System.Net.Sockets.TcpClient(Endpoint.Host, Endpoint.Port);
            return true;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return false;
        }
    }
}
