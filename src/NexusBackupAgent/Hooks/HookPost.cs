using System.Net.Http.Headers;
using System.Text;
using NexusBackupAgent.Common;

namespace NexusBackupAgent.Hooks;

/// <summary>Posts JSON to an address. Certificates are checked, redirects are not followed, and no message shows more of the address than its host.</summary>
internal static class HookPost
{
    /// <exception cref="BackupException">It was not taken: unreachable (<see cref="FailureKind.Network"/>), refused (<see cref="FailureKind.Hook"/>), too slow (<see cref="FailureKind.TimedOut"/>).</exception>
    public static async Task SendAsync(Uri address, string json, TimeSpan timeout, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var host = HookUrl.HostOf(address);
        using var limit = new TimeLimit(timeout, timeProvider, cancellationToken);
        try
        {
            // A redirect would carry the facts, and perhaps the secret, to where nobody sent them.
            using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { Timeout = Timeout.InfiniteTimeSpan };
            using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
            if (address.UserInfo.Length > 0) // as curl does
                request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(address.UserInfo))));
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token); // the body is not needed, however long
            if (!answer.IsSuccessStatusCode)
                throw new BackupException(FailureKind.Hook, $"{host} answered {(int)answer.StatusCode}", $"check the address{((int)answer.StatusCode is >= 300 and < 400 ? "; redirects are not followed" : " and the log of that service")}");
        }
        catch (OperationCanceledException stopped) when (limit.IsExceeded)
        {
            throw new BackupException(FailureKind.TimedOut, $"{host} did not answer within {timeout.TotalSeconds:0.#} s", "check that service, or raise hooks.timeout", stopped);
        }
        catch (HttpRequestException failure)
        {
            throw new BackupException(FailureKind.Network, $"{host} can't be reached: {failure.GetBaseException().Message}", $"check the address, the network and the certificate (curl -v {host})", failure);
        }
    }
}
